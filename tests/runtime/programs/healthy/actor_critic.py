"""Actor-critic on a small grid world that is written here (pytorch/examples/reinforcement_learning/actor_critic.py)."""

from collections import namedtuple

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.distributions import Categorical

GAMMA, SIDE, LIMIT = 0.9, 4, 20
SavedAction = namedtuple("SavedAction", ["log_prob", "value", "entropy"])


class Grid:
    """Walk to the goal: +1 there, -0.02 a step. The state is one-hot positions of the walker and of the goal."""

    moves = ((0, 1), (0, -1), (1, 0), (-1, 0))

    def reset(self):
        self.walker, self.goal = torch.randint(0, SIDE, (2,)).tolist(), torch.randint(0, SIDE, (2,)).tolist()
        self.steps = 0
        return self.state()

    def state(self):
        place = torch.tensor([*self.walker, *self.goal])
        return F.one_hot(place, SIDE).float().flatten()

    def step(self, action):
        self.steps += 1
        self.walker = [min(SIDE - 1, max(0, w + m)) for w, m in zip(self.walker, self.moves[action])]
        arrived = self.walker == self.goal
        return self.state(), (1.0 if arrived else -0.02), arrived or self.steps >= LIMIT


class Policy(nn.Module):
    """Actor and critic in one model."""

    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4 * SIDE, 64)
        self.action_head = nn.Linear(64, 4)
        self.value_head = nn.Linear(64, 1)
        self.saved_actions = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


model = Policy()
optimizer = optim.Adam(model.parameters(), lr=1e-2)


def select_action(state):
    probs, state_value = model(state)
    m = Categorical(probs)
    action = m.sample()
    model.saved_actions.append(SavedAction(m.log_prob(action), state_value.squeeze(-1), m.entropy()))
    return action.item()


def discounted(rewards):
    returns, running = [], 0.0
    for reward in reversed(rewards):
        running = reward + GAMMA * running
        returns.insert(0, running)
    return returns


def finish_batch(returns):
    """Calculates actor and critic loss and performs backprop."""
    returns = torch.tensor(returns)
    log_probs = torch.stack([s.log_prob for s in model.saved_actions])
    values = torch.stack([s.value for s in model.saved_actions])
    entropy = torch.stack([s.entropy for s in model.saved_actions]).mean()
    advantage = returns - values.detach()
    advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
    policy_loss = -(log_probs * advantage).mean()
    value_loss = F.smooth_l1_loss(values, returns)
    loss = policy_loss + value_loss - 0.01 * entropy
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.saved_actions.clear()


def main():
    torch.manual_seed(543)
    env = Grid()
    for update in range(30):
        returns, total, episodes = [], 0.0, 0
        while len(returns) < 120:
            state, done = env.reset(), False
            while not done:
                state, reward, done = env.step(select_action(state))
                model.rewards.append(reward)
            total += sum(model.rewards)
            episodes += 1
            returns += discounted(model.rewards)
            model.rewards.clear()
        finish_batch(returns)
        if update % 10 == 9:
            print(f"Update {update}\tAverage reward: {total / episodes:.3f}")


if __name__ == "__main__":
    main()
